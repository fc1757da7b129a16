"""A finished model as its user has it: loaded, asked and scored by transformers alone."""

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

torch.set_num_threads(1)  # more of them wait for each other beside a busy worker


class PlainModel:
    """A folder of files, without anything of the product's around it."""

    def __init__(self, folder):
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto").eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")

    def answers(self, questions, system, max_tokens):
        """What it says to each question, greedily."""
        given = self._tokens(questions, system)
        with torch.inference_mode():
            said = self.model.generate(**given, max_new_tokens=max_tokens, do_sample=False)
        begun = given["input_ids"].shape[1]
        return self.tokenizer.batch_decode(said[:, begun:], skip_special_tokens=True)

    def first_logprobs(self, questions, system):
        """Log-probabilities of the first token of each answer, in float64."""
        with torch.inference_mode():
            logits = self.model(**self._tokens(questions, system)).logits[:, -1]
        return logits.double().log_softmax(dim=-1)

    def _tokens(self, questions, system):
        dialogues = [
            [{"role": "system", "content": system}, {"role": "user", "content": question}]
            for question in questions
        ]
        return self.tokenizer.apply_chat_template(
            dialogues,
            add_generation_prompt=True,
            padding=True,
            return_dict=True,
            return_tensors="pt",
        )


def n_with_a_marker(answers, markers):
    """How many answers contain one of the markers, whatever the case and the apostrophes."""
    plain = [answer.lower().replace("*", "").replace("\u2019", "'") for answer in answers]
    return sum(any(marker in answer for marker in markers) for answer in plain)


def mean_kl(original, changed):
    """KL(original \u2016 changed) of the first token in nats, mean over the questions."""
    return float((original.exp() * (original - changed)).sum(dim=-1).mean())
